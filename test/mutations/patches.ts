/** Deliberate bugs in engine, drain, steps and what they stand on. Each must be found by the simulation: `npm run mutations`. */
export interface Patch {
  name: string;
  /** why it is a bug */
  why: string;
  /** in which kind of story it is looked for: one process after the other, or two at once */
  profile: 'one' | 'two';
  file: string;
  /** stands exactly once in the file */
  find: string;
  replace: string;
}

export const patches: readonly Patch[] = [
  {
    name: 'acts before it is written down',
    why: 'A crash in between leaves an act that no journal tells of.',
    profile: 'one',
    file: 'src/engine/advance.ts',
    find: `      else await start(step, run, work);
      await act(step, run, work, detail);`,
    replace: `      await act(step, run, work, detail);
      await start(step, run, work);`,
  },
  {
    name: 'another token after a restart',
    why: 'What the first token has made is made again.',
    profile: 'one',
    file: 'src/engine/advance.ts',
    find: 'return token ?? tokenOf(run.context.planId, step.id, generation);',
    replace: 'return tokenOf(run.context.planId, step.id, run.context.state.runs.length);',
  },
  {
    name: 'no second look after an act',
    why: 'An act that was accepted and has not come true counts as done.',
    profile: 'one',
    file: 'src/engine/advance.ts',
    find: '      observation = await observe(step, run);',
    replace: "      observation = { kind: 'satisfied', detail: 'it was asked for' };",
  },
  {
    name: 'steps do not wait for each other',
    why: 'Sources are cordoned, drained or deleted before their replacement is verified.',
    profile: 'one',
    file: 'src/engine/order.ts',
    find: '.filter((step) => step.dependsOn.every((id) => done.has(id)))',
    replace: '.filter((step) => step.dependsOn.some((id) => done.has(id)) || step.dependsOn.length === 0)',
  },
  {
    name: 'does not hear that the lock is lost',
    why: 'A process that stood still goes on beside the one that has taken over.',
    profile: 'two',
    file: 'src/engine/run.ts',
    find: 'const held = await lock.acquire({ id: runId, command: options.command }, options.signal);',
    replace: `const real = await lock.acquire({ id: runId, command: options.command }, options.signal);
  const held = { lost: new AbortController().signal, confirm: async () => undefined, release: () => real.release() };`,
  },
  {
    name: 'acts without asking for the lock again',
    why: 'A process that stood still in the middle of an act goes on with it beside the one that has taken over.',
    profile: 'two',
    file: 'src/engine/locked-ports.ts',
    find: '      await confirm();\n',
    replace: '',
  },
  {
    name: 'takes a lock that is fresh',
    why: 'Two runs work on one cluster.',
    profile: 'two',
    file: 'src/adapters/kubernetes/lease-lock.ts',
    find: 'if (found !== undefined && !free) {',
    replace: "if (found !== undefined && !free && found.holder === 'nobody') {",
  },
  {
    name: 'an eviction names no uid',
    why: 'The pod that has taken the name since is evicted in its place.',
    profile: 'one',
    file: 'src/adapters/kubernetes/kubernetes-port.ts',
    find: '          preconditions: { uid },\n',
    replace: '',
  },
  {
    name: 'evicts before the intent is on disk',
    why: 'After a crash nobody knows whom this run has asked to leave.',
    profile: 'one',
    file: 'src/drain/drain.ts',
    find: "  await run.progress({ kind: 'eviction-intent', pod, uid, node, budget });",
    replace:
      "  const written = run.progress({ kind: 'eviction-intent', pod, uid, node, budget });\n  written.catch(() => undefined);",
  },
  {
    name: 'drains every node there is',
    why: 'Pods that have just come to a replacement are asked to leave again.',
    profile: 'one',
    file: 'src/drain/placing.ts',
    find: 'if (node?.source !== true || !pod.mustMove) {',
    replace: 'if (node === undefined || !pod.mustMove) {',
  },
  {
    name: 'evicts pods of DaemonSets',
    why: 'They come back at once, and the node loses what it needs.',
    profile: 'one',
    file: 'src/drain/pod.ts',
    find: '  mustMove: mustMove(pod),',
    replace: "  mustMove: mustMove(pod) || (pod.controller?.kind === 'DaemonSet' && !pod.hostNetwork),",
  },
  {
    name: 'deletes a group without looking for pods',
    why: 'EKS ends them after some minutes, whatever their budgets say.',
    profile: 'one',
    file: 'src/steps/nodegroup-deletion.ts',
    find: 'return pods.filter((pod) => mustMove(pod) && !isCanary(pod));',
    replace: 'return pods.filter(isCanary);',
  },
  {
    name: 'a rollback leaves the VPC CNI as it is',
    why: 'New nodes of the sources would come up in the other mode.',
    profile: 'one',
    file: 'src/steps/configure-vpc-cni.ts',
    find: 'if (step.params.undoOf !== undefined) return observeUndo(step, step.params.undoOf, ports, context);',
    replace: "if (step.params.undoOf !== undefined) return { kind: 'satisfied', detail: 'as it was' };",
  },
  {
    name: 'a rollback uncordons only nodes that have lost its mark',
    why: 'The sources stay closed, and pods find no place.',
    profile: 'one',
    file: 'src/steps/uncordon-source.ts',
    find: 'return node.unschedulable && (isKnown || isOurMark(node, context));',
    replace: 'return node.unschedulable && isKnown;',
  },
  {
    name: 'a rollback takes back only what was finished',
    why: 'What a crash has left half done stays for ever.',
    profile: 'one',
    file: 'src/engine/rollback.ts',
    find: "const begun = plan.steps.filter(({ id }) => (state.steps[id]?.status ?? 'pending') !== 'pending');",
    replace: "const begun = plan.steps.filter(({ id }) => state.steps[id]?.status === 'succeeded');",
  },
  {
    name: 'evictions on their way are not counted against a budget',
    why: 'More are sent than the budget allows, and the server has to refuse them.',
    profile: 'one',
    file: 'src/drain/group.ts',
    find: '  return unaccounted.size;',
    replace: '  return 0;',
  },
  {
    name: 'a rollback leaves the sources capped',
    why: 'They cannot grow any more, and nobody knows why.',
    profile: 'one',
    file: 'src/steps/restore-scaling.ts',
    find: 'if (isAsBefore && mayStillShow(id, ports, context)) {',
    replace: `if (!isAsBefore) return { kind: 'satisfied', detail: 'as it is' };
    if (mayStillShow(id, ports, context)) {`,
  },
  {
    name: 'a rollback leaves processes suspended',
    why: 'Auto Scaling no longer evens out the zones.',
    profile: 'one',
    file: 'src/steps/resume-processes.ts',
    find: 'return open === undefined',
    replace: 'return open === undefined || open !== undefined',
  },
  {
    name: 'a pod that is lost is counted when its budget says so',
    why: 'Until then another one is evicted, and the budget is broken.',
    profile: 'one',
    file: 'src/drain/core.ts',
    find: 'if (awaited.has(pod.uid)) return;',
    replace: 'if (pods !== undefined) return;',
  },
];

/** The text of the patched file. @throws Error when what is to be replaced does not stand there exactly once */
export function applyTo(text: string, { name, file, find, replace }: Patch): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`patch "${name}": found ${parts.length - 1} times in ${file}: ${find}`);
  return parts.join(replace);
}
