import type { LabelSelector } from './snapshot.ts';

/** Whether a Kubernetes label selector (policy/v1 meaning) selects the labels: null selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | null | undefined, labels: Record<string, string> | null): boolean {
  if (selector === null || selector === undefined) return false;
  const has = labels ?? {};
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values }) => {
      const value = Object.hasOwn(has, key) ? has[key] : undefined;
      switch (operator) {
        case 'In':
          return value !== undefined && (values ?? []).includes(value);
        case 'NotIn':
          return value === undefined || !(values ?? []).includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
