import { planCommand } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import type { InstanceType, Nodegroup } from '../domain/snapshot.ts';

/** The command that plans this node group alone, its replacement with these types. */
export const planWithTypes = (
  { request }: Scope,
  { nodegroupName }: Pick<Nodegroup, 'nodegroupName'>,
  types: readonly InstanceType[],
): string =>
  planCommand({
    ...request,
    nodegroups: [nodegroupName],
    instanceTypes: [...new Set(types.map(({ instanceType }) => instanceType))],
  });
