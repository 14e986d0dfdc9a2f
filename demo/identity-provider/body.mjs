// Reads the body of a request, up to what a form of this server can need.

const MAXIMUM_BYTES = 16384;

export async function readBody(request, maximum = MAXIMUM_BYTES) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maximum) {
      throw Object.assign(new Error('The request is too large.'), { status: 413, expose: true });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
