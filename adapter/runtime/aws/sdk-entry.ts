// What aws-sdk.cjs of an artifact holds: of AWS's SDK exactly what sdk.ts calls. Bundled by the build with `module`
// before `main` among esbuild's main fields: only the SDK's ES modules can be taken apart.

export {
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
export {
  fromNodeProviderChain,
  fromTemporaryCredentials,
  fromTokenFile,
} from "@aws-sdk/credential-providers";
