/** The parts of the STS client that we use: what is not named here stays out of the bundle. */
export { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
