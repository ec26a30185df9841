/** The parts of the IAM client that we use: what is not named here stays out of the bundle. */
export {
  GetInstanceProfileCommand,
  GetRoleCommand,
  IAMClient,
  SimulatePrincipalPolicyCommand,
} from '@aws-sdk/client-iam';
