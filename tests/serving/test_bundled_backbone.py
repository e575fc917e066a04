"""The bundled backbone without TensorFlow: builds, uploads, regions, Why, and a visitor's own pictures with `mini`."""
