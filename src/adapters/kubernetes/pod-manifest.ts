import type { PodManifest } from '../../ports/kubernetes.ts';
import { isObject } from '../is-object.ts';
import type { WireObject } from './wire.ts';

type Json = Record<string, unknown>;

/**
 * What creates a pod like this one. Taken out is what the API server, the scheduler, the VPC CNI and the webhooks of EKS add
 * to every pod, and would add again; and every secret that may stand in a manifest, because it ends up in a file.
 */
export function toPodManifest(pod: WireObject & { spec?: unknown }): PodManifest {
  const { name, namespace, labels, annotations } = pod.metadata ?? {};
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !addedAnnotation.test(key));
  const metadata = withoutEmpty({ name, namespace, labels, annotations: Object.fromEntries(kept) });
  const redacted: string[] = [];
  const shown = (part: Json, member: string): unknown => withoutSecrets(part, [member], redacted);
  return {
    manifest: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: shown(metadata, 'metadata'),
      spec: shown(specOf(isObject(pod.spec) ? pod.spec : {}), 'spec'),
    },
    redacted,
  };
}

/** The whole manifest as it was applied, and what the network adds: Multus, Calico, the VPC CNI. */
const addedAnnotation =
  /^(kubectl\.kubernetes\.io\/last-applied-configuration$|vpc\.amazonaws\.com\/|k8s\.v1\.cni\.cncf\.io\/networks?-status$|cni\.projectcalico\.org\/|kubernetes\.io\/config\.)/;

const addedMembers = ['nodeName', 'serviceAccount', 'priority', 'preemptionPolicy', 'ephemeralContainers'];
const defaults: Json = {
  schedulerName: 'default-scheduler',
  serviceAccountName: 'default',
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  terminationGracePeriodSeconds: 30,
  enableServiceLinks: true,
};

/** Tokens of the service account, of IAM roles for service accounts and of EKS Pod Identity. */
const addedVolume = /^(kube-api-access-.*|aws-iam-token|eks-pod-identity-token)$/;
const addedVariable =
  /^(AWS_ROLE_ARN|AWS_WEB_IDENTITY_TOKEN_FILE|AWS_STS_REGIONAL_ENDPOINTS|AWS_CONTAINER_(CREDENTIALS_FULL_URI|AUTHORIZATION_TOKEN_FILE))$/;

function specOf(spec: Json): Json {
  const volumes = objects(spec['volumes']).map(({ name }) => String(name));
  const added = new Set(volumes.filter((name) => addedVolume.test(name)));
  const isIdentified = volumes.some((name) => added.has(name) && !name.startsWith('kube-api-access-'));
  const containers = (key: string) => {
    const found = objects(spec[key]).map((container) => ({
      ...container,
      ...without('volumeMounts', container, ({ name }) => added.has(String(name))),
      ...without('env', container, ({ name }) => isIdentified && addedVariable.test(String(name))),
    }));
    return found.length === 0 ? {} : { [key]: found.map(withoutEmpty) };
  };
  const own = Object.entries(spec).filter(([key, value]) => !addedMembers.includes(key) && defaults[key] !== value);
  return withoutEmpty({
    ...Object.fromEntries(own),
    ...without('volumes', spec, ({ name }) => added.has(String(name))),
    ...without('tolerations', spec, isDefaultToleration),
    ...containers('initContainers'),
    ...containers('containers'),
  });
}

const isDefaultToleration = ({ key, operator, effect, tolerationSeconds }: Json): boolean =>
  (key === 'node.kubernetes.io/not-ready' || key === 'node.kubernetes.io/unreachable') &&
  operator === 'Exists' &&
  effect === 'NoExecute' &&
  tolerationSeconds === 300;

const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

const without = (key: string, of: Json, isAdded: (item: Json) => boolean): Json => ({
  [key]: objects(of[key]).filter((item) => !isAdded(item)),
});

const isEmpty = (value: unknown): boolean =>
  value == null || (typeof value === 'object' && Object.keys(value).length === 0);

/** Without members that are null, or hold nothing. An empty member says the same as an absent one. */
const withoutEmpty = (of: Json): Json => Object.fromEntries(Object.entries(of).filter(([, value]) => !isEmpty(value)));

const credentialWord =
  /passw|passphrase|\bpwd\b|secret|token|credential|bearer|authorization|api-?key|access-?key|private-?key|key=/i;
/** With a user before the host, or with a query string. */
const tellingUrl = /:\/\/([^\s/@]+@|\S*\?)/;

/** Keys of annotations, and of attributes of CSI volumes, whose values say how a pod is run. */
const harmlessAnnotation =
  /^([\w.-]+\.)?(kubernetes\.io|k8s\.io|karpenter\.sh|helm\.sh)\/(?!.*(last-applied|passw|secret|token|key))/i;
const harmlessAttribute = /^(secretProviderClass|fsType|size|csi\.storage\.k8s\.io\/ephemeral)$/;

/** Too little for a secret, where the key does not call it one. */
const shortValue = /^(true|false|\d{1,5})$/;

/** Members that hold anything by name, and the names that are let through. */
const namedTexts: Record<string, RegExp | null> = {
  '.annotations': harmlessAnnotation,
  '.volumeAttributes': harmlessAttribute,
  '.flexVolume.options': null,
};

/** A copy in which every text that may be a secret is replaced; their places are added to `redacted`. */
function withoutSecrets(value: unknown, path: string[], redacted: string[]): unknown {
  const replaced = (place: string[], kept = ''): string => {
    redacted.push(place.join(''));
    return `${kept}REDACTED`;
  };
  const isIn = (tail: string): boolean => path.join('').endsWith(tail);
  if (typeof value === 'string') {
    if (isIn('.httpGet.path')) return /^\/[a-z]{0,20}$/.test(value) ? value : replaced(path);
    return tellingUrl.test(value) ? replaced(path) : value;
  }
  if (Array.isArray(value)) {
    const isValued = isIn('.env') || isIn('.httpHeaders');
    return value.map((item: unknown, index) => {
      const named = isObject(item) ? item['name'] : undefined;
      const place = [...path, `[${typeof named === 'string' ? named : index}]`];
      return isValued && isObject(item) && item['value'] != null
        ? { ...item, value: replaced(place) }
        : withoutSecrets(item, place, redacted);
    });
  }
  if (!isObject(value)) return value;
  const harmless = Object.entries(namedTexts).find(([tail]) => isIn(tail))?.[1];
  const isShort = (name: string, text: string): boolean =>
    isIn('.annotations') && shortValue.test(text) && !credentialWord.test(name);
  const isOpen = (name: string, text: string): boolean =>
    harmless === undefined || isShort(name, text) || (harmless?.test(name) === true && !credentialWord.test(text));
  const lines = commandLines(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const place = [...path, `.${name}`];
      const line = lines[name];
      if (line !== undefined) {
        return [name, line.map(({ word, kept }, at) => (kept === null ? word : replaced([...place, `[${at}]`], kept)))];
      }
      const isSecret = typeof item === 'string' && !isOpen(name, item);
      return [name, isSecret ? replaced(place) : withoutSecrets(item, place, redacted)];
    }),
  );
}

/** A word of a command line; what is kept of it, null when all of it. */
interface Shown {
  word: unknown;
  kept: string | null;
}

/** What a container, or the `exec` of a probe or a hook, starts: `args` go on where `command` ends. */
function commandLines(of: Json): Record<string, Shown[]> {
  const [command = [], args = []] = ['command', 'args'].map((key): unknown[] => {
    const words = of[key];
    return Array.isArray(words) ? words : [];
  });
  const all = [...command, ...args];
  const hasOptions = all.some((word) => typeof word === 'string' && (assigned.test(word) || /^--?[a-z]/i.test(word)));
  const isShell = shell.test(String(command[0]));
  const shown = all.map((word, at): Shown => {
    if (typeof word !== 'string') return { word, kept: null };
    const isProgram = at === 0 && command.length > 0 && program.test(word);
    const isOfShell = isShell && at === 1 && /^-[a-z]{2,5}$/.test(word);
    return { word, kept: isProgram || isOfShell ? null : keptOf(word, hasOptions) };
  });
  return Object.fromEntries(
    [['command', shown.slice(0, command.length)] as const, ['args', shown.slice(command.length)] as const].filter(
      ([, words]) => words.length > 0,
    ),
  );
}

const shell = /(^|\/)(ba|da|a|z|k)?sh$/;
/** `--pass=X`, `PASS=X` */
const assigned = /^(--?)?[a-z_][\w.-]*=/i;
/** Filled in by the kubelet. */
const reference = /^(\$\([\w.-]+\))+$/;
const program = /^[\w./][\w./+-]*$/;
/** A small number, a word of no meaning, or an absolute path. */
const harmlessWord = /^(\d{1,5}|infinity|true|false|(\/[\w.-]+)*\/?)$/;

/**
 * The name of an option without its value, since only its program knows which of them is a secret; `-p` may have its value in
 * the same word. Other words only where they are surely harmless, and no option stands there that they may belong to.
 */
function keptOf(word: string, hasOptions: boolean): string | null {
  const [name = ''] = assigned.exec(word) ?? [];
  if (reference.test(word.slice(name.length))) return null;
  if (name !== '') return name;
  if (/^(--?|--[a-z][\w.-]*|-[a-z])$/i.test(word)) return null;
  if (/^-[a-z]/i.test(word)) return word.slice(0, 2);
  return !hasOptions && harmlessWord.test(word) && !credentialWord.test(word) ? null : '';
}
