import type { RightAnswer } from '../domain/rights.ts';

/** What IAM says to one action on one resource. */
export interface SimulatedAction {
  action: string;
  resourceArn: string;
  answer: RightAnswer;
}

/** IAM, in domain words. Both are of use, not needed: a caller may lack the right to ask. */
export interface IamPort {
  /**
   * What the policies of a role or user say to actions on resources (SimulatePrincipalPolicy). `principalArn` is the caller
   * as STS names it, a session of a role included. `unknown` where a condition decides that IAM was not told of.
   *
   * @throws MigrateError when IAM does not answer, or not to this caller
   */
  simulate(
    principalArn: string,
    actions: readonly string[],
    resourceArns: readonly string[],
  ): Promise<SimulatedAction[]>;
  /** ARN of the role in an instance profile, by the profile's name or ARN; undefined when there is none */
  instanceProfileRole(nameOrArn: string): Promise<string | undefined>;
}
