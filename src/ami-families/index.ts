import type { SupportedAmiFamily } from '../domain/ami.ts';
import { al2 } from './al2.ts';
import { al2023 } from './al2023.ts';
import { bottlerocket } from './bottlerocket.ts';
import type { AmiFamilyRenderer } from './renderer.ts';

/** Text of the user data template of each family, by its name in templates/user-data. */
export type UserDataTemplates = Record<SupportedAmiFamily, string>;

export const amiFamilies: Record<SupportedAmiFamily, AmiFamilyRenderer> = { al2023, al2, bottlerocket };
