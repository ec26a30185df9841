/** Reading EKS request bodies: what is not of the model is an error that names it. */
import { AwsError } from './errors.ts';

export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [member: string]: Json;
}

export function invalid(message: string, members: Record<string, unknown> = {}): AwsError {
  return new AwsError('InvalidParameterException', message, 400, {
    clusterName: null,
    nodegroupName: null,
    fargateProfileName: null,
    addonName: null,
    subscriptionId: null,
    ...members,
  });
}

export function parseBody(body: string): JsonObject {
  if (body === '') return {};
  let parsed: Json;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new AwsError('SerializationException', 'The request body is not valid JSON');
  }
  if (!isObject(parsed)) throw new AwsError('SerializationException', 'The request body is not an object');
  return parsed;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function checkMembers(body: JsonObject, known: readonly string[], where = 'the request'): void {
  const unknown = Object.keys(body).find((member) => !known.includes(member));
  if (unknown !== undefined) throw invalid(`Unknown member ${unknown} in ${where}`);
}

export function text(body: JsonObject, member: string): string | undefined {
  const value = body[member];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(`Member ${member} must be a string`);
  return value;
}

export function whole(body: JsonObject, member: string): number | undefined {
  const value = body[member];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw invalid(`Member ${member} must be a whole number`);
  return value;
}

export function object(body: JsonObject, member: string): JsonObject | undefined {
  const value = body[member];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw invalid(`Member ${member} must be an object`);
  return value;
}

export function objects(body: JsonObject, member: string): JsonObject[] {
  const value = body[member] ?? [];
  if (!Array.isArray(value) || !value.every(isObject)) throw invalid(`Member ${member} must be a list of objects`);
  return value;
}

export function texts(body: JsonObject, member: string): string[] | undefined {
  const value = body[member];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw invalid(`Member ${member} must be a list of strings`);
  }
  return value;
}

export function textMap(body: JsonObject, member: string): Record<string, string> | undefined {
  const value = object(body, member);
  if (!value) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (typeof item !== 'string') throw invalid(`Values of ${member} must be strings`);
      return [key, item];
    }),
  );
}
