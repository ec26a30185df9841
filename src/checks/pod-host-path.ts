import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../domain/snapshot.ts';
import { type Check, count, listed } from './check.ts';
import { byWorkload } from './moving.ts';

/** What every node has alike, or is about the node itself. */
const partOfTheNode = /^\/((dev|etc|lib|proc|run|sys|usr|var\/log|var\/run)(\/.*)?)?$/;

const dataPaths = ({ hostPaths }: Pod): string[] => (hostPaths ?? []).filter((path) => !partOfTheNode.test(path));

/** Pods with data on the disk of their node. */
export const podHostPath: Check = {
  codes: [
    {
      code: 'POD.HOST_PATH',
      meaning: 'Data in a hostPath volume stays on the old node, and is gone with it.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, { movingPods }) =>
    byWorkload(
      movingPods.filter((pod) => dataPaths(pod).length > 0),
      snapshot,
    ).map(
      ({ subject, namespace, pods }): Finding => ({
        code: 'POD.HOST_PATH',
        severity: 'advice',
        subject,
        summary: `${count(pods.length, 'pod')} of ${subject} use directories of the old nodes: ${listed([...new Set(pods.flatMap(dataPaths))])}.`,
        why: 'What is in a hostPath is not on the new node, and is gone when the old one is terminated.',
        nextActions: [`kubectl -n ${namespace} get pod ${pods[0].name} -o jsonpath='{.spec.volumes}'`],
      }),
    ),
};
