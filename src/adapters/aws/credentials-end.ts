/** How the SDK got credentials that it cannot renew by itself: they were given to it, or come from a program that may need a person. */
const givenBy = [
  'CREDENTIALS_CODE',
  'CREDENTIALS_ENV_VARS',
  'CREDENTIALS_PROFILE',
  'CREDENTIALS_PROFILE_PROCESS',
  'CREDENTIALS_PROCESS',
] as const;

/** How it renews them, as often as it has to: roles, SSO, web identity, containers and instances. A role may start from a profile. */
const renewedBy = [
  'CREDENTIALS_STS_ASSUME_ROLE',
  'CREDENTIALS_STS_ASSUME_ROLE_WEB_ID',
  'CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN',
  'CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN',
  'CREDENTIALS_PROFILE_SSO',
  'CREDENTIALS_SSO',
  'CREDENTIALS_PROFILE_SSO_LEGACY',
  'CREDENTIALS_SSO_LEGACY',
] as const;

export interface Credentials {
  expiration?: Date;
  /** how the SDK says which provider they are from: the names of its features */
  $source?: Readonly<Record<string, string>>;
}

/**
 * When credentials end for good, in epoch milliseconds. Null: they have no end, the SDK renews them, or it is not known, as of
 * a session token in the environment without AWS_CREDENTIAL_EXPIRATION.
 */
export function endOf({ expiration, $source: source = {} }: Credentials): number | null {
  if (expiration === undefined || renewedBy.some((provider) => provider in source)) return null;
  return givenBy.some((provider) => provider in source) ? expiration.getTime() : null;
}
