import { shippedInstanceType } from '../domain/instance-types/lookup.ts';
import { MigrateError } from '../domain/migrate-error.ts';
import type { InstanceType } from '../domain/snapshot.ts';
import type { Ec2Port } from '../ports/ec2.ts';

/**
 * What EC2 says about these types. For those that it does not have in the region, and for all when the caller may not ask,
 * facts shipped with this program; types that neither knows are missing.
 */
export async function surveyInstanceTypes(ec2: Ec2Port, names: readonly string[]): Promise<InstanceType[]> {
  const described = await describe(ec2, names);
  const origin = described === 'refused' ? 'not-allowed' : 'not-described';
  const types = described === 'refused' ? [] : described;
  const known = new Set(types.map(({ instanceType }) => instanceType));
  const others = names.filter((name) => !known.has(name)).flatMap((name) => shippedInstanceType(name, origin) ?? []);
  return [...types, ...others];
}

async function describe(ec2: Ec2Port, names: readonly string[]): Promise<InstanceType[] | 'refused'> {
  try {
    return await ec2.describeInstanceTypes([...names]);
  } catch (error) {
    if (error instanceof MigrateError && (error.code === 'AWS.ACCESS_DENIED' || error.code === 'AWS.REFUSED'))
      return 'refused';
    throw error;
  }
}
