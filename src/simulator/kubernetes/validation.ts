/** The rules of the API server that a client of this world can run into. Everything else is accepted as it is. */
import type { KubeObject } from '../types.ts';
import { equal, isObject } from './json.ts';
import {
  type ConfigMap,
  type Container,
  isKind,
  type Lease,
  type Node,
  type Pod,
  type PodDisruptionBudget,
  type PodTemplateSpec,
} from './objects.ts';
import type { Resource } from './resources.ts';
import { invalid } from './status.ts';

interface Cause {
  reason: string;
  message: string;
  field: string;
}

const required = (field: string, why: string): Cause => ({
  reason: 'FieldValueRequired',
  message: why ? `Required value: ${why}` : 'Required value',
  field,
});

const wrong = (field: string, value: unknown, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${typeof value === 'string' ? JSON.stringify(value) : String(value)}: ${why}`,
  field,
});

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  "end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const maxAnnotations = 262_144;
const maxData = 1_048_576;

/** @throws StatusError 422 */
export function validate(resource: Resource, object: KubeObject, before?: KubeObject): void {
  const causes = [...validateMetadata(object), ...(validators[resource.resource]?.(object, before) ?? [])];
  if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
}

function validateMetadata({ kind, metadata }: KubeObject): Cause[] {
  const { name, annotations = {} } = metadata;
  const rbac = /^(Cluster)?Role(Binding)?$/.test(kind);
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
  return [
    ...(rbac || (subdomain.test(name) && name.length <= 253) ? [] : [wrong('metadata.name', name, subdomainRule)]),
    ...(size <= maxAnnotations
      ? []
      : [
          {
            reason: 'FieldValueTooLong',
            message: `Too long: may not be more than ${maxAnnotations} bytes`,
            field: 'metadata.annotations',
          },
        ]),
  ];
}

function bytes(text: string): number {
  return Buffer.byteLength(text);
}

type Validator = (object: KubeObject, before: KubeObject | undefined) => Cause[];

/** The rules of one kind, which look at the object and at the one before. */
function rules<T extends KubeObject>(kind: T['kind'], check: (object: T, before: T | undefined) => Cause[]): Validator {
  return (object, before) =>
    isKind<T>(object, kind) ? check(object, isKind<T>(before, kind) ? before : undefined) : [];
}

const validators: Record<string, Validator> = {
  poddisruptionbudgets: rules('PodDisruptionBudget', ({ spec }: Partial<PodDisruptionBudget> & KubeObject) => {
    if (spec?.minAvailable === undefined || spec.maxUnavailable === undefined) return [];
    return [
      wrong('spec', 'policy.PodDisruptionBudgetSpec{}', 'minAvailable and maxUnavailable cannot be both set'),
    ].map((cause) => ({ ...cause, message: cause.message.replaceAll('"', '') }));
  }),
  leases: rules('Lease', ({ spec = {} }: KubeObject & Partial<Pick<Lease, 'spec'>>) => {
    const { leaseDurationSeconds, leaseTransitions } = spec;
    return [
      ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0
        ? [wrong('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]
        : []),
      ...(leaseTransitions !== undefined && leaseTransitions < 0
        ? [wrong('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0')]
        : []),
    ];
  }),
  configmaps: rules('ConfigMap', ({ data = {}, binaryData = {} }: ConfigMap) => {
    const values = [...Object.values(data), ...Object.values(binaryData)];
    const size = values.reduce((sum, value) => sum + bytes(value), 0);
    if (size <= maxData) return [];
    return [{ reason: 'FieldValueTooLong', message: `Too long: may not be more than ${maxData} bytes`, field: '[]' }];
  }),
  eniconfigs: ({ spec }: KubeObject & { spec?: unknown }) =>
    isObject(spec) && typeof spec['subnet'] === 'string' ? [] : [required('spec.subnet', '')],
  nodes: rules('Node', ({ spec }: Node, before) => {
    const known = before?.spec?.providerID;
    if (!known || spec?.providerID === known) return [];
    const message = 'Forbidden: node updates may not change providerID except from "" to valid';
    return [{ reason: 'FieldValueForbidden', message, field: 'spec.providerID' }];
  }),
  pods: rules('Pod', (pod: Pod, before) => {
    if (before && !samePodSpec(pod.spec, before.spec)) {
      return [
        {
          reason: 'FieldValueForbidden',
          message:
            'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,' +
            '`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing ' +
            'tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
          field: 'spec',
        },
      ];
    }
    return validateContainers(pod.spec?.containers, 'spec.containers');
  }),
  deployments: rules('Deployment', validateWorkload),
  replicasets: rules('ReplicaSet', validateWorkload),
  statefulsets: rules('StatefulSet', validateWorkload),
  daemonsets: rules('DaemonSet', validateWorkload),
};

interface Workload extends KubeObject {
  spec: { selector?: { matchLabels?: Record<string, string> }; template: PodTemplateSpec };
}

function validateWorkload({ spec }: Workload, before: Workload | undefined): Cause[] {
  const { selector, template } = spec ?? {};
  if (!selector) return [required('spec.selector', '')];
  if (before && !equal(selector, before.spec.selector)) {
    return [wrong('spec.selector', JSON.stringify(selector), 'field is immutable')];
  }
  const labels = template?.metadata?.labels ?? {};
  const missed = Object.entries(selector.matchLabels ?? {}).some(([key, value]) => labels[key] !== value);
  return [
    ...(missed
      ? [wrong('spec.template.metadata.labels', JSON.stringify(labels), '`selector` does not match template `labels`')]
      : []),
    ...validateContainers(template?.spec?.containers, 'spec.template.spec.containers'),
  ];
}

function validateContainers(containers: readonly Container[] | undefined, field: string): Cause[] {
  if (!containers || containers.length === 0) return [required(field, '')];
  return containers.flatMap(({ name, env = [] }, index) => [
    ...(name ? [] : [required(`${field}[${index}].name`, '')]),
    ...env.flatMap(({ value, valueFrom }, at) =>
      value && isObject(valueFrom)
        ? [wrong(`${field}[${index}].env[${at}].valueFrom`, '', 'may not be specified when `value` is not empty')]
        : [],
    ),
  ]);
}

function samePodSpec(now: PodTemplateSpec['spec'], before: PodTemplateSpec['spec']): boolean {
  return equal(fixedPart(now), fixedPart(before));
}

function fixedPart({ tolerations: _tolerations, ...spec }: PodTemplateSpec['spec']): object {
  const containers = spec.containers.map((each) => ({ ...each, image: '' }));
  return { ...spec, activeDeadlineSeconds: undefined, containers };
}
