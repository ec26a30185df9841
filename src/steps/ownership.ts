/** Annotation of a node that this program has cordoned; its value is `shortPlanId`. */
export const cordonedBy = 'prefix-migrate/cordoned-by';

/** Enough of a plan's id to tell plans apart in labels and annotations. */
export const shortPlanId = (planId: string): string => planId.slice(0, 12);

/** Tags and labels of our own on things that we create. */
const ownPrefix = 'prefix-migrate';

/** Whether a thing found by its name is the one that the plan asked for: our tags are on it, with the planned values. */
export function isOurs(planned: Record<string, string>, found: Record<string, string>): boolean {
  const own = Object.keys(planned).filter((key) => key.startsWith(ownPrefix));
  const keys = own.length > 0 ? own : Object.keys(planned);
  return keys.length > 0 && keys.every((key) => found[key] === planned[key]);
}
