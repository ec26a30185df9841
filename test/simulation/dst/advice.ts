/**
 * A person who does what a message advises, word for word: the commands in it that change something. Commands that only look,
 * and those of the program itself, are left out.
 */
import type { Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { type Surroundings, scaleNodegroup, send, setCordon, setEnvironment } from './person.ts';

export interface Helper extends Surroundings {
  /** which of several alternatives is taken */
  pick: number;
  sleep: (ms: number) => Promise<void>;
}

/** @returns the commands that were run. @throws Error when one of them fails, or is none that a person could paste */
export async function follow(actions: readonly string[], helper: Helper): Promise<string[]> {
  const ways: string[][] = [];
  for (const action of actions) {
    const [command] = /\b(kubectl|aws) .*$/.exec(action.replace(/\s+# .*$/, '')) ?? [];
    if (command === undefined || looksOnly.test(command)) continue;
    if (action.startsWith('or ') && ways.length > 0) ways.at(-1)?.push(command);
    else ways.push([command]);
  }
  const chosen = ways.flatMap((commands) => commands[helper.pick % commands.length] ?? []);
  for (const command of chosen) await paste(command, helper);
  return chosen;
}

/** Or opens the sources until the run goes on, which brings nothing to its end. */
const looksOnly =
  /^(kubectl ((.* )?(get|describe|logs|auth|edit|rollout status|explain)\b|uncordon -l )|aws \w+ (describe|list|get|wait)\b)/;

async function paste(command: string, helper: Helper): Promise<void> {
  const [program = '', ...rest] = wordsOf(command);
  const { options, words } = parsed(rest);
  const [verb = '', ...names] = words;
  const run = program === 'aws' ? aws[`${verb} ${names.join(' ')}`] : kubectl[verb];
  const status = await run?.({ helper, options, names });
  if (status === undefined || status >= 300) throw new Error(`advised, and does not work (${status}): ${command}`);
}

interface Pasted {
  helper: Helper;
  options: Record<string, string>;
  names: string[];
}

const kubectl: Record<string, (pasted: Pasted) => Promise<number>> = {
  cordon: ({ helper, names }) => each(names, (name) => setCordon(helper, name, true)),
  uncordon: ({ helper, names }) => each(names, (name) => setCordon(helper, name, false)),
  drain: ({ helper, names, options }) => each(names, (name) => drain(name, helper, options)),
  delete: ({ helper, names: [kind = '', ...names], options }) =>
    each(names, (name) => send(helper, 'DELETE', `${pathOf(kind, options['n'])}/${name}`)),
  patch: ({ helper, names: [kind = '', name], options }) =>
    send(helper, 'PATCH', `${pathOf(kind, options['n'])}/${name}`, JSON.parse(options['p'] ?? '')),
  scale({ helper, names: [target = ''], options }) {
    const [kind = '', name] = target.split('/');
    return send(helper, 'PATCH', `${pathOf(kind, options['n'])}/${name}`, {
      spec: { replicas: Number(options['replicas']) },
    });
  },
  set({ helper, names: [what, target, ...variables] }) {
    if (what !== 'env' || target !== 'daemonset/aws-node') return Promise.resolve(404);
    const values = variables.map((text): [string, string | null] => {
      const [name = '', ...value] = text.split('=');
      return value.length === 0 ? [name.replace(/-$/, ''), null] : [name, value.join('=')];
    });
    return setEnvironment(helper, Object.fromEntries(values));
  },
};

const aws: Record<string, (pasted: Pasted) => Promise<number>> = {
  'eks update-nodegroup-config'({ helper, options }) {
    const scaling = (options['scaling-config'] ?? '').split(',').map((pair): [string, number] => {
      const [key = '', value] = pair.split('=');
      return [key, Number(value)];
    });
    return scaleNodegroup(helper, options['nodegroup-name'] ?? '', Object.fromEntries(scaling));
  },
  'eks update-addon'({ helper, options }) {
    const resolveConflicts = options['resolve-conflicts'] ?? 'NONE';
    // the values of all others go with it, as EKS has it
    if (resolveConflicts === 'OVERWRITE') {
      helper.watch.others.variables.clear();
      helper.watch.others.overwritten = true;
    }
    return send(helper, 'POST', `/clusters/${options['cluster-name']}/addons/${options['addon-name']}/update`, {
      configurationValues: options['configuration-values'],
      resolveConflicts,
    });
  },
};

/** As kubectl does it: it refuses at once what would be lost, and asks again as long as a budget says no. */
async function drain(name: string, helper: Helper, options: Record<string, string>): Promise<number> {
  const { store } = helper.world;
  await setCordon(helper, name, true);
  const pods = store.podsOnNode<Pod>(name).filter((pod) => !isDaemon(pod));
  const isLost = ({ metadata, spec }: Pod): boolean =>
    (metadata.ownerReferences === undefined && !('force' in options)) ||
    (spec.volumes?.some((volume) => 'emptyDir' in volume) === true && !('delete-emptydir-data' in options));
  if (pods.some(isLost)) return 400;
  return await each(pods, async ({ metadata: { namespace = '', name: pod, uid } }) => {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (store.get<Pod>('pods', namespace, pod)?.metadata.uid !== uid) return 200;
      const metadata = { name: pod, namespace };
      const status = await send(helper, 'POST', path, { apiVersion: 'policy/v1', kind: 'Eviction', metadata });
      if (status !== 429) return status;
      await helper.sleep(5000);
    }
    return 429;
  });
}

const isDaemon = ({ metadata }: Pod): boolean =>
  metadata.ownerReferences?.some(({ kind, controller }) => kind === 'DaemonSet' && controller === true) === true;

/** The worst answer. */
async function each<T>(items: readonly T[], run: (item: T) => Promise<number>): Promise<number> {
  let worst = 200;
  for (const item of items) worst = Math.max(worst, await run(item));
  return worst;
}

const homes: Record<string, string> = {
  pod: '/api/v1',
  deployment: '/apis/apps/v1',
  statefulset: '/apis/apps/v1',
  pdb: '/apis/policy/v1',
};

const pathOf = (kind: string, namespace = 'default'): string =>
  `${homes[kind]}/namespaces/${namespace}/${kind === 'pdb' ? 'poddisruptionbudgets' : `${kind}s`}`;

/** As a shell splits it: single quotes, and nothing else of it. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/g)].map(([word]) => word.replaceAll(/'([^']*)'|\\(.)/g, '$1$2'));

const flags = new Set(['ignore-daemonsets', 'force', 'delete-emptydir-data']);

function parsed(rest: readonly string[]): { options: Record<string, string>; words: string[] } {
  const options: Record<string, string> = {};
  const words: string[] = [];
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? '';
    const [, name, value] = /^--?([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined || /^\w+-$/.test(word)) words.push(word);
    else if (value !== undefined || flags.has(name)) options[name] = value ?? '';
    else {
      index += 1;
      options[name] = rest[index] ?? '';
    }
  }
  return { options, words };
}
