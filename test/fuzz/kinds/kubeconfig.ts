import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRealClock } from '../../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import { InProcessDispatcher } from '../../support/in-process.ts';
import { hostileJson, type Json, mangled, mutated } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { canary, checkScreen, judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';

const authority = Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n').toString('base64');
const base = (user: Json): Json => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'one',
  preferences: {},
  contexts: [
    { name: 'one', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
    { name: 'two', context: { cluster: 'd', user: 'u' } },
  ],
  clusters: [
    { name: 'c', cluster: { server: 'https://x.test', 'certificate-authority-data': authority } },
    { name: 'd', cluster: { server: 'https://y.test', 'tls-server-name': 'z.test' } },
  ],
  users: [{ name: 'u', user }],
});
const users: Json[] = [
  { token: canary },
  { username: 'me', password: canary },
  { 'client-certificate-data': authority, 'client-key-data': Buffer.from(canary).toString('base64') },
  { 'auth-provider': { name: 'oidc', config: { 'id-token': canary, 'refresh-token': canary } } },
  { token: canary, tokenFile: '/nonexistent/token' },
];

/** As YAML, or as JSON, which is YAML as well: the library takes minutes to write what is deep. */
function yamlOf(document: Json): string {
  const json = JSON.stringify(document);
  return json.length > 5000 ? json : stringify(document);
}

const nothing = { kind: 'NodeList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };

export const kubeconfigKind: Kind = {
  name: 'kubeconfig',
  what: 'kubeconfig',
  draw(random) {
    const document = base(random.pick(users));
    const changed = mutated(random, document);
    return random.pick<() => Buffer>([
      () => Buffer.from(hostileJson(random, changed)),
      () => Buffer.from(yamlOf(changed)),
      () => mangled(random, stringify(document)),
    ])();
  },
  feed: (input) =>
    inFolder(async (folder) => {
      const kubeconfig = join(folder, 'config');
      writeFileSync(kubeconfig, input);
      const clock = createRealClock();
      // nothing goes out, whatever the server is called
      const dispatcher = new InProcessDispatcher(() =>
        Promise.resolve({
          status: 200,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(nothing),
        }),
      );
      for (const context of [undefined, 'two', 'x\u001b[2J']) {
        const error = await judged(async () => {
          const port = await createKubernetesPort({ clock, kubeconfig, context, dispatcher, limits: { attempts: 1 } });
          await port.listNodes();
        });
        checkScreen('');
        if (context === undefined && error !== undefined) return error.code;
      }
      return undefined;
    }),
};
