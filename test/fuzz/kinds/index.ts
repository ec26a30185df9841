import type { Kind } from '../kind.ts';
import { applyKind } from './apply.ts';
import { configKind } from './config.ts';
import { eksctlKind } from './eksctl.ts';
import { flagsKind } from './flags.ts';
import { journalKind } from './journal.ts';
import { kubeconfigKind } from './kubeconfig.ts';
import { lockKind } from './lock.ts';
import { planKind } from './plan.ts';
import { eksKind, kubernetesKind, queryKind } from './replies.ts';
import { snapshotKind } from './snapshot.ts';

export const kinds: readonly Kind[] = [
  planKind,
  journalKind,
  snapshotKind,
  configKind,
  kubeconfigKind,
  flagsKind,
  lockKind,
  eksctlKind,
  eksKind,
  queryKind,
  kubernetesKind,
  applyKind,
];
