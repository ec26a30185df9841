/** Credentials that end: when that will be, and that new ones are taken up without a stop. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { endOf } from '../../../src/adapters/aws/credentials-end.ts';
import { createRealClock } from '../../../src/adapters/clock/real-clock.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import { temporaryFolder } from '../../journeys/program.ts';

const at = new Date('2026-11-22T12:00:00Z');

describe('when they end', () => {
  for (const [source, ends] of [
    [['CREDENTIALS_ENV_VARS'], true],
    [['CREDENTIALS_CODE'], true],
    [['CREDENTIALS_PROCESS'], true],
    [['CREDENTIALS_PROFILE', 'CREDENTIALS_PROFILE_PROCESS'], true],
    [['CREDENTIALS_PROFILE'], true],
    [['CREDENTIALS_PROFILE', 'CREDENTIALS_STS_ASSUME_ROLE'], false],
    [['CREDENTIALS_PROFILE_SSO'], false],
    [['CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN', 'CREDENTIALS_STS_ASSUME_ROLE_WEB_ID'], false],
    [['CREDENTIALS_IMDS'], false],
    [['CREDENTIALS_HTTP'], false],
    [[], false],
  ] as const) {
    test(`${source.join(' and ') || 'an unknown provider'}: ${ends ? 'as it says' : 'not known, or never'}`, () => {
      const $source = Object.fromEntries(source.map((name) => [name, 'x']));
      assert.equal(endOf({ expiration: at, $source }), ends ? at.getTime() : null);
      assert.equal(endOf({ $source }), null);
    });
  }
});

describe('from files and variables', () => {
  let server: Server;
  let endpoint: string;
  let file: string;
  let calls: string[];
  const cleanUps: (() => void)[] = [];
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CREDENTIAL_EXPIRATION'];
  const known = [
    ...names,
    'AWS_PROFILE',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONFIG_FILE',
    'AWS_EC2_METADATA_DISABLED',
  ];
  const environment = Object.fromEntries(known.map((name) => [name, process.env[name]]));

  /** Takes the key NEW and no other, as STS does. */
  before(async () => {
    server = createServer((request, response) => {
      const key = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      calls.push(key);
      request.resume();
      response.statusCode = key === 'NEW' ? 200 : 403;
      response.setHeader('content-type', 'text/xml');
      response.end(
        key === 'NEW'
          ? '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/me</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>'
          : '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    endpoint = `http://127.0.0.1:${address.port}`;
    file = join(temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) }), 'credentials');
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    for (const cleanUp of cleanUps) cleanUp();
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  beforeEach(() => {
    calls = [];
    for (const name of known) delete process.env[name];
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    process.env['AWS_CONFIG_FILE'] = '/dev/null';
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = file;
  });

  const ports = (profile?: string) =>
    createAwsPorts({ clock: createRealClock(), region: 'eu-west-1', endpoint, profile, limits: { attempts: 1 } });
  const write = (key: string) =>
    writeFileSync(file, `[ops]\naws_access_key_id = ${key}\naws_secret_access_key = s\naws_session_token = t\n`);

  test('a file that was renewed meanwhile: the call goes on as if nothing had been', async () => {
    write('OLD');
    const { identity } = ports('ops');
    await assert.rejects(identity.caller(), { code: 'AWS.EXPIRED_CREDENTIALS' });
    write('NEW');
    assert.equal((await identity.caller()).arn, 'arn:aws:iam::111122223333:user/me');
    assert.deepEqual(calls, ['OLD', 'OLD', 'OLD', 'NEW']);
  });
  test('a token for Kubernetes that was refused is made of new credentials, too', async () => {
    write('OLD');
    const { kubernetesToken } = ports('ops');
    const keyIn = async (fresh: boolean) => {
      const { token } = await kubernetesToken('prod', { fresh });
      return /Credential=([^%]+)/.exec(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString())?.[1];
    };
    assert.equal(await keyIn(false), 'OLD');
    write('NEW');
    assert.deepEqual([await keyIn(false), await keyIn(true)], ['OLD', 'NEW']);
  });
  test('nothing can renew them: asked anew once, and told', async () => {
    write('OLD');
    const error = await ports('ops')
      .identity.caller()
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof MigrateError && !error.retryable);
    assert.deepEqual([error.code, error.exitCode, calls.length], ['AWS.EXPIRED_CREDENTIALS', 2, 2]);
    assert.equal(error.nextActions[0], 'aws sso login --profile ops');
  });
  test('the end of those in the environment is known when it is told', async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'NEW', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't' });
    assert.equal(await ports().identity.credentialsEnd(), null);
    process.env['AWS_CREDENTIAL_EXPIRATION'] = '2026-11-22T12:00:00Z';
    assert.equal(await ports().identity.credentialsEnd(), at.getTime());
  });
  test('of a profile without an end, and of none at all, nothing is known', async () => {
    write('NEW');
    assert.equal(await ports('ops').identity.credentialsEnd(), null);
    assert.equal(await ports('nobody').identity.credentialsEnd(), null);
  });
});
