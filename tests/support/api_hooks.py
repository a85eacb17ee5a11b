"""What schemathesis has to be told about this API, loaded by its command line."""

import schemathesis

# A piece of an upload is bytes like any others.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
