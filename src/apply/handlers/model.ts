/**
 * Models are what is recorded of them: gates and inputs. Versions belong to the registry, are made by runs, and stay there
 * with their artifacts and history when the declaration goes.
 */
import { type Handler, recordOnly } from './handler.ts';

export const modelHandler: Handler<'model'> = recordOnly();
