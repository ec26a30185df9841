// The tests against a real Kubernetes API server, which `npm test` leaves out: they write to it.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { PREFIX_MIGRATE_TEST_KUBECONFIG: kubeconfig } = process.env;
if (!kubeconfig) {
  process.stderr.write(
    `PREFIX_MIGRATE_TEST_KUBECONFIG is not set: which cluster may the tests write to?

  They make namespaces, node objects, an admission policy, Leases and ConfigMaps of their own, and remove them. What drains a node
  needs KWOK to play the nodes' kubelets, and is skipped without it.
  PREFIX_MIGRATE_TEST_LIMITED_KUBECONFIG, if set, is of a user who may only read nodes and pods.

  -> PREFIX_MIGRATE_TEST_KUBECONFIG=FILE npm run test:cluster
`,
  );
  process.exit(2);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const files = globSync('test/cluster/**/*.test.ts', { cwd: root });
// One after the other: pods of one file must not land on the nodes of another.
const { status } = spawnSync('node', ['--test', '--test-concurrency=1', ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
