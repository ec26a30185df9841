import { parse } from 'yaml';
import { configuredEnv, wantedEnv } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** Has somebody else set what the add-on is about to set? EKS would refuse the update, or quietly undo the other's change. */
export const vpcCniConflict: Check = {
  codes: [
    {
      code: 'CNI.CONFIG_CONFLICT',
      meaning: 'A setting of aws-node was changed past the EKS add-on that owns it.',
      canBeAllowed: false,
    },
  ],
  run({ vpcCni }, { request, sources }) {
    if (sources.length === 0 || vpcCni.managedBy !== 'eks-addon' || vpcCni.addon === null) return [];
    const configured = configuredEnv(readable(vpcCni.addon.configurationValues));
    const written = { ...configured, ...wantedEnv(vpcCni.env, request) };
    return Object.entries(written).flatMap(([name, value]): Finding[] => {
      const live = vpcCni.env[name] ?? null;
      const manager = vpcCni.envManagers[name] ?? null;
      const changedByOthers = manager === null ? name in configured && live !== configured[name] : manager !== 'eks';
      if (live === value || !changedByOthers) return [];
      return [
        {
          code: 'CNI.CONFIG_CONFLICT',
          severity: 'blocking',
          subject: `aws-node ${name}`,
          summary: `${name} is ${shown(live)} on aws-node, set by ${manager ?? 'somebody'} past the EKS add-on.`,
          why: `The add-on has ${shown(configured[name] ?? null)} and would set ${shown(value)}; EKS refuses an update that overwrites another owner's value.`,
          nextActions: [
            `kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${name}=${value}`,
            'Then plan again',
          ],
        },
      ];
    });
  },
};

const shown = (value: string | null): string => (value === null ? 'no value' : `"${value}"`);

/** What cannot be read is planning's to refuse. */
function readable(text: string | null): Record<string, unknown> {
  try {
    const document: unknown = parse(text ?? '');
    return typeof document === 'object' && document !== null ? { ...document } : {};
  } catch {
    return {};
  }
}
