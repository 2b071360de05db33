/** Feature services are what is recorded of them: training and serving read the list of features from the record. */
import { type Handler, recordOnly } from './handler.ts';

export const featureServiceHandler: Handler<'feature_service'> = recordOnly();
