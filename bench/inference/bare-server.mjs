// The least that answers an inference of the Open Inference Protocol: one FP32 tensor in JSON to an ONNX model and its first output back, nothing
// else: no names, types or shapes are checked. Argument: the model file.
import { createServer } from 'node:http';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const session = await InferenceSession.create(process.argv[2], { intraOpNumThreads: 1, interOpNumThreads: 1 });
const [output] = session.outputNames;
const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  request.once('end', async () => {
    const { id, inputs } = JSON.parse(text);
    const [{ name, shape, data }] = inputs;
    const outputs = await session.run({ [name]: new Tensor('float32', Float32Array.from(data), shape) });
    const { dims, data: values } = outputs[output];
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        model_name: 'bare',
        model_version: '1',
        id,
        outputs: [{ name: output, datatype: 'FP32', shape: dims, data: Array.from(values) }],
      }),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
