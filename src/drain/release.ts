import type { DrainNode, DrainState } from './state.ts';

export interface Releases {
  /** The next empty node to be ended; one at a time, and none twice. */
  take(): DrainNode | undefined;
  answered(uid: string): void;
  /** It may be asked about again. */
  again(uid: string): void;
  gone(node: DrainNode): void;
}

/** Source nodes that may be ended since every pod that had to leave them has left, and no other can come. */
export function createReleases(state: DrainState): Releases {
  /** by uid, of nodes that are there */
  const asked = new Set<string>();
  let busy: string | null = null;
  return {
    take() {
      // the nodes are gone through only when one of them has become empty since
      if (state.settings.releaseNodes === undefined || busy !== null || state.nodesEmpty <= asked.size)
        return undefined;
      for (const node of state.nodes.values()) {
        if (!node.source || !node.cordoned || node.left > 0 || asked.has(node.uid)) continue;
        asked.add(node.uid);
        busy = node.uid;
        return node;
      }
      return undefined;
    },
    answered(uid) {
      if (busy === uid) busy = null;
    },
    again: (uid) => void asked.delete(uid),
    gone: ({ uid }) => void asked.delete(uid),
  };
}
