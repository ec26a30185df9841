/** The parts of the S3 client that we use: what is not named here stays out of the bundle. */
export { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
