export type Severity = 'blocking' | 'warning' | 'advice';

/** What a check says: data in a good result, never thrown. Codes are stable once published. */
export interface Finding {
  /** `AREA.WORDS` */
  code: string;
  severity: Severity;
  /** the object it is about, such as `shop/search` or `subnet-0bb2` */
  subject: string;
  summary: string;
  why: string;
  nextActions: string[];
  /** true when the person accepted this blocking finding with `--allow CODE` */
  allowed?: boolean;
  /** false when this one cannot be accepted, although others of its code can */
  canBeAllowed?: false;
}

/** Findings that stop a plan from being applied. */
export const blockers = (findings: readonly Finding[]): Finding[] =>
  findings.filter((finding) => finding.severity === 'blocking' && !finding.allowed);
