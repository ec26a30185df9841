/** Who calls AWS (STS GetCallerIdentity). */
export interface IdentityPort {
  caller(): Promise<{ accountId: string; arn: string }>;
}
