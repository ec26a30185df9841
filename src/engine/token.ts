import { sha256Hex } from '../domain/canonical-json.ts';

/**
 * Idempotency token of a step's creating call (`clientRequestToken` of EKS, `ClientToken` of EC2): 36 characters in the
 * form of a UUID version 8 (RFC 9562). The same for every run of a plan. `generation` rises only when what the token asked
 * for has failed for good, since AWS would answer the old token with the old failure.
 */
export function tokenOf(planId: string, stepId: string, generation: number): string {
  const hash = sha256Hex(`${planId}/${stepId}/${generation}`);
  const part = (from: number, length: number): string => hash.slice(from, from + length);
  return `${part(0, 8)}-${part(8, 4)}-8${part(12, 3)}-a${part(15, 3)}-${part(18, 12)}`;
}
