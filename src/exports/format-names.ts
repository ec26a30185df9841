/** Names that `--format` takes; of `plan` besides its own. A file of its own, because commands load it for their help. */
export const exportFormatNames = ['eksctl', 'terraform', 'nodeclass', 'cloudformation', 'json'] as const;
export type ExportFormat = (typeof exportFormatNames)[number];
