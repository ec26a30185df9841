import { parse } from 'yaml';
import { configuredEnv, wantedEnv, withEnv } from '../domain/cni-settings.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { PlanRequest, StepParams } from '../domain/plan.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';

/**
 * What the add-on has to be changed to; undefined when aws-node runs with the wanted settings already and the add-on will
 * keep it so, or when there is no add-on. Throws CNI.CONFIG_UNREADABLE (exit 2) rather than replace what it cannot read.
 */
export function vpcCniChange(
  { cluster, vpcCni }: ClusterSnapshot,
  request: PlanRequest,
): StepParams['configure-vpc-cni'] | undefined {
  if (vpcCni.managedBy !== 'eks-addon' || vpcCni.addon === null) return undefined;
  const document = parseConfiguration(vpcCni.addon.configurationValues, cluster.name);
  const env = wantedEnv(vpcCni.env, request);
  const configured = configuredEnv(document);
  const isKept = ([name, value]: [string, string]) =>
    vpcCni.env[name] === value && (configured[name] === value || vpcCni.envManagers[name] === 'eks');
  if (Object.entries(env).every(isKept)) return undefined;
  return {
    clusterName: cluster.name,
    addonName: 'vpc-cni',
    addonVersion: vpcCni.addon.version,
    before: vpcCni.addon.configurationValues,
    configurationValues: JSON.stringify(withEnv(document, env)),
    env,
  };
}

/** The add-on's configuration is JSON or YAML; YAML reads both. */
function parseConfiguration(text: string | null, clusterName: string): Record<string, unknown> {
  const document = parseYaml(text ?? '');
  if (document === null || document === undefined) return {};
  if (typeof document === 'object' && !Array.isArray(document)) return { ...document };
  throw new MigrateError({
    code: 'CNI.CONFIG_UNREADABLE',
    message: 'The configuration values of add-on vpc-cni cannot be read.',
    why: 'They are neither JSON nor YAML with a mapping at the top, and an update would replace all of them.',
    nextActions: [`aws eks describe-addon --cluster-name ${clusterName} --addon-name vpc-cni`],
    exitCode: ExitCode.invalidInput,
  });
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return 'unreadable';
  }
}
