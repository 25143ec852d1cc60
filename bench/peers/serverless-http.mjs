import express from "express";
import serverless from "serverless-http";
import { answer } from "./answer.mjs";

const app = express();
app.use(express.json());
app.post("/predict", (request, response) => response.json(answer(request.body)));

export const buffered = serverless(app);
