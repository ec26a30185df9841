/**
 * The vpc-cni add-on of EKS, and the DaemonSet it owns: schema of its configuration, conflicts with what others set,
 * update objects. EKS API reference "UpdateAddon"; conflict text as EKS reports it.
 */
import type { DaemonSet } from '../kubernetes/objects.ts';
import type { Scenario } from '../scenario.ts';
import type { ClusterControl, SimClock } from '../types.ts';
import {
  awsNodeContainer,
  awsNodeImage,
  buildAwsNode,
  type Env,
  envOf,
  envOwners,
  managedFields,
  mergeEnv,
  standardEnv,
  versionOf,
} from './aws-node.ts';
import { checkMembers, invalid, type JsonObject, text } from './eks-body.ts';
import { AwsError } from './errors.ts';
import type { Ids } from './ids.ts';
import { atLeast, type CniSettings, parseVersion, readCniSettings } from './ipamd.ts';
import type { Update, Updates } from './updates.ts';
import { parseYamlSubset, type Value, valueAt } from './yaml-subset.ts';

export interface VpcCni {
  /** Creates the DaemonSet as it is at the start. */
  install(): void;
  /** What the DaemonSet says now. */
  settings(): CniSettings;
  names(): string[];
  describe(addonName: string): JsonObject;
  update(addonName: string, body: JsonObject): Update;
  versions(): string[];
  /** JSON Schema (draft-06) of the configuration, as text. */
  schema(version: string): string;
  arn: string;
  tags: Record<string, string>;
}

type Resolve = 'NONE' | 'PRESERVE' | 'OVERWRITE';

export function createVpcCni(deps: {
  scenario: Scenario;
  clock: SimClock;
  ids: Ids;
  updates: Updates;
  cluster: () => ClusterControl;
}): VpcCni {
  const { scenario, clock, ids, updates, cluster } = deps;
  const { cluster: names, vpcCni: spec, timings } = scenario;
  const byEks = spec.managedBy === 'eks-addon';
  const createdAt = clock.now() / 1000;
  const arn = `arn:aws:eks:${names.region}:${names.accountId}:addon/${names.name}/vpc-cni/${ids.uuid()}`;
  const addon = {
    status: 'ACTIVE',
    version: spec.version,
    configurationValues: spec.configurationValues,
    modifiedAt: createdAt,
    issues: [] as { code: string; message: string; resourceIds: string[] }[],
  };
  const wanted = (version: string, values: string | undefined): Env => ({
    ...standardEnv(version, { ...names, clusterName: names.name }),
    ...configuredEnv(values),
  });
  /** What the add-on last wrote. */
  let applied = wanted(spec.version, spec.configurationValues);
  const tags: Record<string, string> = { ...spec.tags };

  const now = (): string => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const daemonSet = (): DaemonSet | undefined =>
    cluster().store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  const liveContainer = (): ReturnType<typeof awsNodeContainer> => awsNodeContainer(daemonSet()?.spec.template.spec);

  function known(addonName: string): void {
    if (byEks && addonName === 'vpc-cni') return;
    throw new AwsError('ResourceNotFoundException', `No addon: ${addonName} found in cluster: ${names.name}`, 404, {
      clusterName: names.name,
      nodegroupName: null,
      fargateProfileName: null,
      addonName,
      subscriptionId: null,
    });
  }

  function update(addonName: string, body: JsonObject): Update {
    known(addonName);
    checkMembers(body, [
      'addonVersion',
      'serviceAccountRoleArn',
      'resolveConflicts',
      'clientRequestToken',
      'configurationValues',
      'podIdentityAssociations',
    ]);
    const resolve = text(body, 'resolveConflicts') ?? 'NONE';
    if (!isResolve(resolve)) throw invalid(`resolveConflicts ${resolve} is not one of NONE, PRESERVE, OVERWRITE`);
    const version = text(body, 'addonVersion') ?? addon.version;
    if (!versions().includes(version))
      throw invalid(`Addon version specified is not supported: ${version}`, { addonName });
    const given = text(body, 'configurationValues');
    if (given !== undefined) checkConfiguration(given, version);
    if (addon.status === 'UPDATING') {
      throw new AwsError(
        'ResourceInUseException',
        `Addon ${addonName} cannot be updated as it is currently in ${addon.status} state`,
        409,
        { clusterName: names.name, nodegroupName: null, addonName },
      );
    }
    const values = given ?? addon.configurationValues;
    addon.status = 'UPDATING';
    addon.modifiedAt = clock.now() / 1000;
    const change = updates.add(`addon/${addonName}`, {
      id: ids.uuid(),
      type: 'AddonUpdate',
      createdAt: clock.now() / 1000,
      params: [
        ...(text(body, 'addonVersion') === undefined ? [] : [{ type: 'AddonVersion', value: version }]),
        ...(given === undefined ? [] : [{ type: 'ConfigurationValues', value: given }]),
        { type: 'ResolveConflicts', value: resolve },
      ],
    });
    const answer = { ...change };
    clock.after((timings.updateAddon * 1000) / 3, () => {
      const problem = apply(version, values, resolve);
      clock.after((timings.updateAddon * 1000 * 2) / 3, () => finish(change, version, values, problem));
    });
    return answer;
  }

  function finish(
    change: Update,
    version: string,
    values: string | undefined,
    problem: { code: string; message: string } | undefined,
  ): void {
    addon.modifiedAt = clock.now() / 1000;
    if (problem) {
      change.status = 'Failed';
      change.errors = [{ errorCode: problem.code, errorMessage: problem.message, resourceIds: [] }];
      addon.status = 'UPDATE_FAILED';
      addon.issues = [{ ...problem, resourceIds: [] }];
      return;
    }
    change.status = 'Successful';
    addon.status = 'ACTIVE';
    addon.issues = [];
    addon.version = version;
    addon.configurationValues = values;
  }

  /** Writes the environment into the DaemonSet; undefined when it went well. */
  function apply(
    version: string,
    values: string | undefined,
    resolve: Resolve,
  ): { code: string; message: string } | undefined {
    const container = liveContainer();
    if (!container) return { code: 'K8sResourceNotFound', message: 'DaemonSet.apps "aws-node" not found' };
    const live = envOf(container);
    const desired = wanted(version, values);
    // as server-side apply has it: another value, and somebody else among its owners
    const { eks: _own, ...others } = envOwners(daemonSet()?.metadata.managedFields ?? []);
    const conflicts = Object.keys(desired).filter(
      (name) =>
        live[name] !== undefined &&
        live[name] !== desired[name] &&
        Object.values(others).some((owned) => owned.includes(name)),
    );
    if (resolve === 'NONE' && conflicts.length > 0) {
      const fields = conflicts.map(
        (name) => `DaemonSet.apps aws-node - .spec.template.spec.containers[name="aws-node"].env[name="${name}"].value`,
      );
      const message = `Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts: ${fields.join('\n')}`;
      return { code: 'ConfigurationConflict', message };
    }
    const preserved = resolve === 'PRESERVE' ? conflicts : [];
    const isForeign = (name: string): boolean => Object.values(others).some((owned) => owned.includes(name));
    const foreign = Object.keys(live).filter((name) => !(name in desired) && (!(name in applied) || isForeign(name)));
    const dropped = [
      ...Object.keys(applied).filter((name) => !(name in desired) && !foreign.includes(name)),
      ...(resolve === 'OVERWRITE' ? foreign : []),
    ];
    const changes: Record<string, string | undefined> = {
      ...Object.fromEntries(dropped.map((name) => [name, undefined])),
      ...desired,
      ...Object.fromEntries(preserved.map((name) => [name, live[name]])),
    };
    const lost = resolve === 'OVERWRITE' ? [...conflicts, ...foreign] : [];
    const kept = Object.entries(others).map(([manager, owned]): [string, string[]] => [
      manager,
      owned.filter((name) => !lost.includes(name)),
    ]);
    cluster().store.update<DaemonSet>('daemonsets', 'kube-system', 'aws-node', (draft) => {
      const target = awsNodeContainer(draft.spec.template.spec);
      if (!target) return;
      target.env = mergeEnv(target.env ?? [], changes);
      target.image = awsNodeImage(version, names.region);
      draft.metadata.managedFields = managedFields(now(), {
        eks: Object.keys(desired).filter((name) => !preserved.includes(name)),
        ...Object.fromEntries(kept),
      });
    });
    applied = desired;
    return undefined;
  }

  function versions(): string[] {
    return [...new Set([spec.version, addon.version, ...published])].toSorted((a, b) =>
      atLeast(parseVersion(a), parseVersion(b)) ? -1 : 1,
    );
  }

  return {
    arn,
    tags,
    names: () => (byEks ? ['vpc-cni'] : []),
    versions,
    update,
    schema(version) {
      if (!versions().includes(version))
        throw invalid(`Addon version specified is not supported: ${version}`, { addonName: 'vpc-cni' });
      return JSON.stringify(schemaOf(version));
    },
    install() {
      const setByHand = spec.setByHand ?? {};
      // who sets what is there already sets nothing
      const changed = Object.keys(setByHand).filter((name) => setByHand[name] !== applied[name]);
      const values = Object.keys(applied).filter((name) => !changed.includes(name));
      const owner =
        spec.marks?.fieldManager ?? { 'eks-addon': 'eks', 'self-managed': 'eks', helm: 'helm' }[spec.managedBy];
      cluster().store.create<DaemonSet>(
        'daemonsets',
        buildAwsNode({
          version: spec.version,
          region: names.region,
          env: { ...applied, ...setByHand },
          readySeconds: timings.awsNodeRestart,
          managedFields: managedFields(now(), { [owner]: values, 'kubectl-set': changed }),
          labels: spec.marks?.labels,
          annotations: {
            ...(spec.managedBy === 'helm' && {
              'meta.helm.sh/release-name': 'aws-vpc-cni',
              'meta.helm.sh/release-namespace': 'kube-system',
            }),
            ...spec.marks?.annotations,
          },
        }),
      );
    },
    settings() {
      const container = liveContainer();
      return readCniSettings(envOf(container), versionOf(container));
    },
    describe(addonName) {
      known(addonName);
      return {
        addonName: 'vpc-cni',
        clusterName: names.name,
        status: addon.status,
        addonVersion: addon.version,
        health: { issues: addon.issues.map((issue) => ({ ...issue })) },
        addonArn: arn,
        createdAt,
        modifiedAt: addon.modifiedAt,
        serviceAccountRoleArn: null,
        tags: { ...tags },
        owner: 'aws',
        publisher: 'eks',
        podIdentityAssociations: [],
        ...(addon.configurationValues !== undefined && { configurationValues: addon.configurationValues }),
      };
    },
  };
}

const published = [
  'v1.20.4-eksbuild.2',
  'v1.20.1-eksbuild.3',
  'v1.19.6-eksbuild.7',
  'v1.19.2-eksbuild.1',
  'v1.18.6-eksbuild.1',
  'v1.17.1-eksbuild.1',
  'v1.16.4-eksbuild.2',
  'v1.12.6-eksbuild.2',
];

function isResolve(value: string): value is Resolve {
  return ['NONE', 'PRESERVE', 'OVERWRITE'].includes(value);
}

/** The `env` part of configuration values. */
function configuredEnv(values: string | undefined): Env {
  const env = valueAt(parseYamlSubset(values ?? '{}'), ['env']);
  if (env === undefined || !isMapping(env)) return {};
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

const envKeys =
  'ADDITIONAL_ENI_TAGS AWS_VPC_CNI_NODE_PORT_SUPPORT AWS_VPC_ENI_MTU AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG AWS_VPC_K8S_CNI_EXTERNALSNAT AWS_VPC_K8S_CNI_LOGLEVEL AWS_VPC_K8S_CNI_LOG_FILE AWS_VPC_K8S_CNI_RANDOMIZESNAT AWS_VPC_K8S_CNI_VETHPREFIX AWS_VPC_K8S_PLUGIN_LOG_FILE AWS_VPC_K8S_PLUGIN_LOG_LEVEL DISABLE_INTROSPECTION DISABLE_METRICS DISABLE_NETWORK_RESOURCE_PROVISIONING ENABLE_POD_ENI ENABLE_PREFIX_DELEGATION WARM_ENI_TARGET WARM_PREFIX_TARGET'.split(
    ' ',
  );
/** Added after v1.12; which release added which is not known here, all come with v1.13. */
const laterEnvKeys =
  'ANNOTATE_POD_IP AWS_EC2_ENDPOINT AWS_EXTERNAL_SERVICE_CIDRS AWS_MANAGE_ENIS_NON_SCHEDULABLE ENABLE_BANDWIDTH_PLUGIN ENABLE_SUBNET_DISCOVERY ENI_CONFIG_ANNOTATION_DEF ENI_CONFIG_LABEL_DEF INTROSPECTION_BIND_ADDRESS IP_COOLDOWN_PERIOD MAX_ENI MINIMUM_IP_TARGET NETWORK_POLICY_ENFORCING_MODE POD_SECURITY_GROUP_ENFORCING_MODE WARM_IP_TARGET'.split(
    ' ',
  );
const rootKeys = ['env', 'resources', 'cri'];
const laterRootKeys = [
  'affinity',
  'enableNetworkPolicy',
  'eniConfig',
  'init',
  'nodeAgent',
  'podAnnotations',
  'podLabels',
  'tolerations',
];

function allowed(version: string): { root: string[]; env: string[] } {
  const later = atLeast(parseVersion(version), [1, 13, 0]);
  return later
    ? { root: [...rootKeys, ...laterRootKeys], env: [...envKeys, ...laterEnvKeys] }
    : { root: rootKeys, env: envKeys };
}

const booleans = /^(ENABLE_|DISABLE_|ANNOTATE_|AWS_MANAGE_|AWS_VPC_CNI_NODE_PORT|.*_CUSTOM_NETWORK_CFG|.*EXTERNALSNAT)/;
const integers = /(_TARGET|_ENI|_MTU|_PERIOD)$/;

function variable(name: string): Record<string, string> {
  if (booleans.test(name)) return { type: 'string', format: 'boolean' };
  return integers.test(name) ? { type: 'string', format: 'integer' } : { type: 'string' };
}

function schemaOf(version: string): unknown {
  const { root, env } = allowed(version);
  const properties = Object.fromEntries(
    root.map((name) => [name, name === 'env' ? { $ref: '#/definitions/Env' } : {}]),
  );
  return {
    $schema: 'http://json-schema.org/draft-06/schema#',
    $ref: '#/definitions/VpcCni',
    definitions: {
      VpcCni: { type: 'object', title: 'VpcCni', additionalProperties: false, properties },
      Env: {
        type: 'object',
        title: 'Env',
        additionalProperties: false,
        properties: Object.fromEntries(env.map((name) => [name, variable(name)])),
      },
    },
  };
}

/** Throws with the first thing that the schema does not allow. */
function checkConfiguration(values: string, version: string): void {
  const problem = configurationProblem(values, version);
  if (problem === undefined) return;
  throw invalid(`ConfigurationValue provided in request is not supported: ${problem}`, { addonName: 'vpc-cni' });
}

function configurationProblem(values: string, version: string): string | undefined {
  let parsed: Value;
  try {
    parsed = parseYamlSubset(values);
  } catch (error) {
    return `it is neither JSON nor YAML that can be read here (${error instanceof Error ? error.message : 'unreadable'})`;
  }
  const problem = schemaProblem(parsed, version);
  return problem === undefined ? undefined : `Json schema validation failed with error: [${problem}]`;
}

function schemaProblem(parsed: Value, version: string): string | undefined {
  const extra = 'is not defined in the schema and the schema does not allow additional properties';
  if (!isMapping(parsed)) return `$: ${typeName(parsed)} found, object expected`;
  const { root, env } = allowed(version);
  const unknown = Object.keys(parsed).find((name) => !root.includes(name));
  if (unknown !== undefined) return `$.${unknown}: ${extra}`;
  const given = parsed['env'] ?? {};
  if (!isMapping(given)) return `$.env: ${typeName(given)} found, object expected`;
  for (const [name, value] of Object.entries(given)) {
    if (!env.includes(name)) return `$.env.${name}: ${extra}`;
    if (typeof value !== 'string') return `$.env.${name}: ${typeName(value)} found, string expected`;
  }
  return undefined;
}

function isMapping(value: Value): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeName(value: Value): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value;
}
