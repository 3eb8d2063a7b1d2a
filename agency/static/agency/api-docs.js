"use strict";
// The page's script is a file of its own: the content security policy allows no script inside the page.
(function () {
  const schema = document.currentScript.dataset.schema;

  function cookie(name) {
    const found = document.cookie.split("; ").find((item) => item.startsWith(name + "="));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  }

  window.SwaggerUIBundle({
    url: schema,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
    // Who is logged in may try the calls without a token; Django asks for this header then.
    requestInterceptor: (request) => {
      if (!["GET", "HEAD"].includes(request.method)) {
        request.headers["X-CSRFToken"] = cookie("csrftoken");
      }
      return request;
    },
  });
})();
