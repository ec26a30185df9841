/** The name of a node without its domain: `ip-10-0-1-7` of `ip-10-0-1-7.eu-west-1.compute.internal`; '' for none. */
export const shortName = (node: string | null): string => node?.split('.', 1)[0] ?? '';
