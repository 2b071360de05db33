// The least that answers a prediction: a JSON body of rows to an ONNX model of one input, nothing else. Argument: the model file.
import { createServer } from 'node:http';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const session = await InferenceSession.create(process.argv[2], { intraOpNumThreads: 1, interOpNumThreads: 1 });
const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  request.once('end', async () => {
    const rows = JSON.parse(text).inputs;
    const tensor = new Tensor('float32', Float32Array.from(rows.flat()), [rows.length, rows[0].length]);
    const outputs = await session.run({ [session.inputNames[0]]: tensor });
    const answers = Array.from(outputs[session.outputNames.at(-1)].data);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ predictions: answers }));
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));
