// An ONNX network, on a GPU when there is one. Put yours in place of data/model.onnx, or in S3 as `weights` of config.yaml.

import { join } from "node:path";
import type { ModelContext } from "coldframe";
import { createSession, type Session } from "coldframe/onnx";
import { Tensor } from "onnxruntime-node";
import { z } from "zod";

/** What data/model.onnx takes: rows of so many numbers. */
const WIDTH = 4;

export default class Model {
  static input = z.object({ rows: z.array(z.array(z.number()).length(WIDTH)).min(1).max(1024) });

  #session!: Session;

  /** Once per cold start. `device: "cuda"` would refuse to start without a GPU. */
  async load({ dataDir }: Pick<ModelContext, "dataDir">) {
    this.#session = await createSession(join(dataDir, "model.onnx"), { device: "auto", warmUp: true });
  }

  async predict({ rows }: z.infer<typeof Model.input>) {
    const input = new Tensor("float32", Float32Array.from(rows.flat()), [rows.length, WIDTH]);
    const { y } = await this.#session.run({ x: input });
    const values = Array.from(y?.data as Float32Array);
    const width = values.length / rows.length;
    return { rows: rows.map((_, i) => values.slice(i * width, (i + 1) * width)) };
  }
}
