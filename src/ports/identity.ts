/** Who calls AWS (STS GetCallerIdentity). */
export interface IdentityPort {
  caller(): Promise<{ accountId: string; arn: string }>;
  /** epoch milliseconds at which the credentials end and cannot be renewed by this process; null: they do not end, or nobody knows */
  credentialsEnd(): Promise<number | null>;
}
