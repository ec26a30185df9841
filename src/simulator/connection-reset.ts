/**
 * Thrown by a handler instead of an answer: the transport closes the connection and the client sees ECONNRESET.
 * `when` says whether the request took effect before that.
 */
export class ConnectionReset extends Error {
  readonly code = 'ECONNRESET';
  readonly when: 'before' | 'after';
  constructor(when: 'before' | 'after') {
    super('socket hang up');
    this.name = 'ConnectionReset';
    this.when = when;
  }
}
