/** Quantities are text; some writers send bare numbers. */
export type QuantityText = string | number | null | undefined;

const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity (`250m`, `1.5Gi`, `1e3`) as a number in base units; 0 when absent or senseless. */
export function quantity(text: QuantityText): number {
  const match = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(String(text ?? '').trim());
  const factor = suffixes[match?.[2] ?? 'none'];
  const value = Number(match?.[1]) * (factor ?? Number.NaN);
  return Number.isFinite(value) ? value : 0;
}

/** CPU in thousandths of a core, rounded up as the scheduler does. */
export const cpuMillis = (text: QuantityText): number => Math.ceil(roundedOff(quantity(text) * 1000));

export const bytes = (text: QuantityText): number => Math.ceil(roundedOff(quantity(text)));

/** Without the noise of binary fractions: 0.1 cores are 100 thousandths, not 100.00000000000001. */
const roundedOff = (value: number): number => Math.round(value * 1e6) / 1e6;
