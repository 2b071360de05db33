/** Endpoints are what is recorded of them: serving follows the record. Logged predictions stay when an endpoint goes. */
import { type Handler, recordOnly } from './handler.ts';

export const endpointHandler: Handler<'endpoint'> = recordOnly();
