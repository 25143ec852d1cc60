# Expands SAM templates as AWS does on the way to CloudFormation, offline: JSON on stdin, a list of {template, parameters};
# JSON on stdout, a list of documents. Exit status 3 where aws-sam-translator is not installed.

import json
import sys

try:
    from boto3 import Session
    from samtranslator.model import GeneratedProperty, PassThroughProperty
    from samtranslator.model.lambda_ import LambdaFunction
    from samtranslator.model.sam_resources import SamFunction
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse
except ImportError:
    sys.exit(3)

# Any: it stands in no template, and no request is made.
REGION = "eu-west-1"


def know_accelerators():
    """AcceleratorConfig is handed on as it is, which the translator that is published (1.110) does not know yet.
    Source: docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-acceleratorconfig.html"""
    if "AcceleratorConfig" in SamFunction.property_types:
        return
    SamFunction.property_types["AcceleratorConfig"] = PassThroughProperty(False)
    LambdaFunction.property_types["AcceleratorConfig"] = GeneratedProperty()
    construct = SamFunction._construct_lambda_function

    def with_accelerator(self, intrinsics_resolver):
        function = construct(self, intrinsics_resolver)
        if getattr(self, "AcceleratorConfig", None) is not None:
            function.AcceleratorConfig = self.AcceleratorConfig
        return function

    SamFunction._construct_lambda_function = with_accelerator


def expanded(template, parameters):
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    return translator.translate(yaml_parse(template), parameters)


know_accelerators()
json.dump([expanded(**one) for one in json.load(sys.stdin)], sys.stdout)
