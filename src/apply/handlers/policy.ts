/** Policies are what is recorded of them: the next plans are judged by the record as well as by the specs. */
import { type Handler, recordOnly } from './handler.ts';

export const policyHandler: Handler<'policy'> = recordOnly();
