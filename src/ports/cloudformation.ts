export interface Stack {
  name: string;
  /** as CloudFormation spells it: `CREATE_COMPLETE`, `DELETE_FAILED` */
  status: string;
  /** why it is in that status, where it says so */
  reason: string | null;
  terminationProtection: boolean;
}

export interface StackResource {
  logicalId: string;
  /** `AWS::IAM::Role` */
  type: string;
  /** name or id in its own service; null before it exists */
  physicalId: string | null;
}

/** CloudFormation, in domain words. Retried and translated like EksPort; `undefined` means that there is no such stack. */
export interface CloudFormationPort {
  describeStack(name: string): Promise<Stack | undefined>;
  /** What belongs to the stack, at most the 100 that one call tells. */
  stackResources(name: string): Promise<StackResource[]>;
  /** Deletes a stack with all that belongs to it; one that is gone or being deleted is success. */
  deleteStack(name: string, token: string): Promise<void>;
  /** What could not be deleted and why, newest first, at most ten: `NodeInstanceRole: Cannot delete entity`. */
  failedDeletions(name: string): Promise<string[]>;
}
