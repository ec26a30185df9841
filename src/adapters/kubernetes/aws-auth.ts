import { parse } from 'yaml';
import { isObject } from '../is-object.ts';

/** Whom a role in aws-auth lets act as a node. */
const nodes = 'system:nodes';

/**
 * ARNs of the roles whose instances may join as nodes, from `mapRoles` of ConfigMap kube-system/aws-auth (YAML); none in a
 * text that is no list of roles, as the API server reads it.
 */
export function rolesOfNodes(mapRoles: unknown): string[] {
  const rows = typeof mapRoles === 'string' ? listIn(mapRoles) : [];
  const roles = rows.flatMap((row) => {
    const { rolearn: role, groups } = isObject(row) ? row : {};
    return typeof role === 'string' && Array.isArray(groups) && groups.includes(nodes) ? [role] : [];
  });
  return [...new Set(roles)].toSorted();
}

function listIn(text: string): unknown[] {
  try {
    const found: unknown = parse(text, { maxAliasCount: 0, logLevel: 'silent' });
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
