import type { Scenario } from '../scenario.ts';
import { createFails } from './create-fails.ts';
import { fragmentedSubnet } from './fragmented-subnet.ts';
import { healthy } from './healthy.ts';
import { permanentPdbBlock } from './permanent-pdb-block.ts';

export const scenarios: readonly Scenario[] = [healthy, permanentPdbBlock, fragmentedSubnet, createFails];
