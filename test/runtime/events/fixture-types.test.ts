// The fixtures have the shapes that @types/aws-lambda declares: proved by the compiler, since this file is type-checked.

import type {
  ALBEvent,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayRequestAuthorizerEventV2,
  APIGatewayTokenAuthorizerEvent,
} from "aws-lambda";
import assert from "node:assert/strict";
import { test } from "node:test";
import albBinary from "../../fixtures/events/alb.binary.json" with { type: "json" };
import albHealthCheck from "../../fixtures/events/alb.health-check.json" with { type: "json" };
import albMultiValue from "../../fixtures/events/alb.multi-value.json" with { type: "json" };
import alb from "../../fixtures/events/alb.json" with { type: "json" };
import restBinary from "../../fixtures/events/api-gateway.binary.json" with { type: "json" };
import restCustomDomain from "../../fixtures/events/api-gateway.custom-domain.json" with { type: "json" };
import restHttpApi from "../../fixtures/events/api-gateway.http-api-1.0.json" with { type: "json" };
import rest from "../../fixtures/events/api-gateway.json" with { type: "json" };
import restStream from "../../fixtures/events/api-gateway.stream.json" with { type: "json" };
import authorizerHttpApi from "../../fixtures/events/authorizer.http-api.json" with { type: "json" };
import authorizerToken from "../../fixtures/events/authorizer.rest-token.json" with { type: "json" };
import functionUrlGet from "../../fixtures/events/function-url.get.json" with { type: "json" };
import functionUrlNamedStage from "../../fixtures/events/function-url.http-api-named-stage.json" with {
  type: "json",
};
import functionUrl from "../../fixtures/events/function-url.json" with { type: "json" };

const EVENTS = [
  ...([rest, restBinary, restCustomDomain, restStream, restHttpApi] satisfies APIGatewayProxyEvent[]),
  ...([alb, albBinary, albHealthCheck, albMultiValue] satisfies ALBEvent[]),
  ...([functionUrl, functionUrlGet, functionUrlNamedStage] satisfies APIGatewayProxyEventV2[]),
  authorizerToken as APIGatewayTokenAuthorizerEvent,
  authorizerHttpApi as APIGatewayRequestAuthorizerEventV2,
];

test("documents of these types are JSON objects", () => {
  for (const event of EVENTS) assert.equal(typeof event, "object");
});
