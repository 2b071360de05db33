/** What an inference answers: JSON, and behind it the outputs that were asked for as binary data. */
import type { RawTensors } from '../../serving/runtime/tensors.ts';
import type { Answer } from '../route.ts';
import { datatypeOf, toBytes, toJsonText } from './datatypes.ts';
import type { AskedInference } from './infer-request.ts';

/** `head`: `"model_name":…,"model_version":…`, written once for each version. */
export function inferenceAnswer(head: string, { id, outputs, binary }: AskedInference, found: RawTensors): Answer {
  const data: Buffer[] = [];
  let text = `{${head}${id === undefined ? '' : `,"id":${JSON.stringify(id)}`},"outputs":[`;
  for (let at = 0; at < outputs.length; at += 1) {
    const name = outputs[at]!;
    const tensor = found[name]!;
    text += `${at === 0 ? '' : ','}{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.type)}","shape":[${tensor.dims.join(',')}],`;
    if (binary[at] === true) {
      const bytes = toBytes(tensor.type, tensor.data);
      data.push(bytes);
      text += `"parameters":{"binary_data_size":${bytes.length}}}`;
    } else text += `"data":${toJsonText(tensor.type, tensor.data)}}`;
  }
  const json = Buffer.from(`${text}]}`, 'utf8');
  if (data.length === 0) return { kind: 'bytes', status: 200, contentType: 'application/json', bytes: json };
  return {
    kind: 'bytes',
    status: 200,
    contentType: 'application/octet-stream',
    bytes: Buffer.concat([json, ...data]),
    headers: { 'inference-header-content-length': String(json.length) },
  };
}
