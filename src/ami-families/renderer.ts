export interface NodeSettings {
  maxPods: number;
}

/** How one family of images is told its settings. */
export interface AmiFamilyRenderer {
  /** of the file in the plan folder */
  extension: string;
  /** User data, not encoded. */
  render(template: string, settings: NodeSettings): string;
}

/** Fills every `{{name}}` of a template. Throws when the template asks for a name that is not there: a bug in one of the two. */
export const fillTemplate = (template: string, values: Readonly<Record<string, string | number>>): string =>
  template.replaceAll(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template asks for {{${name}}}, which is not known`);
    return String(value);
  });
